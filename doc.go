// Package passerelle turns iAdvize conversations into Zendesk tickets.
//
// The program is in cmd/passerelle. This package holds no code: its tests hold the whole tree to its rules.
package passerelle
