// Package site knows the configuration: which sites there are, how each wants its tickets, and with what secrets the
// accounts behind them are reached.
package site
