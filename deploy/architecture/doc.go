// Package architecture holds no code: its tests hold the whole tree to its rules.
package architecture
