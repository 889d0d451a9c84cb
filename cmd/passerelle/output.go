package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// localTime is for people at a terminal, and says which zone that is; JSON and the console have UTC.
func localTime(t time.Time) string {
	return timeIn(time.Local, t) //nolint:gosmopolitan // the terminal's own time zone is what its reader expects
}

func timeIn(zone *time.Location, t time.Time) string {
	return t.In(zone).Format(time.DateTime + " MST")
}

func printJSON(std streams, v any) error {
	encoder := json.NewEncoder(std.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func printTable(std streams, header table.Row, rows []table.Row) {
	t := table.NewWriter()
	t.SetOutputMirror(std.out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	t.AppendRows(rows)
	t.Render()
}
