//go:build cgo1

package main

import "C"
