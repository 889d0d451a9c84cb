// Package nearest guesses which name a person meant.
package nearest
