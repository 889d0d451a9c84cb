// Package iadvize speaks with iAdvize: the signature and the payloads of its webhooks.
package iadvize
