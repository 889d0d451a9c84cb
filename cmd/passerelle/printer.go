package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// printer prints results one by one as they come, so that their number is no matter.
type printer interface {
	print(result replayed) error
	end() error
}

// lines prints each result by a function.
type lines func(replayed) error

func (l lines) print(r replayed) error { return l(r) }
func (lines) end() error               { return nil }

// jsonArray prints one JSON array, element by element. It is whole once end was called, whatever came before.
type jsonArray struct {
	out io.Writer
	any bool
}

func (a *jsonArray) print(r replayed) error {
	var element bytes.Buffer
	encoder := json.NewEncoder(&element)
	encoder.SetIndent("  ", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	before := ",\n  "
	if !a.any {
		before = "[\n  "
	}
	a.any = true
	_, err := fmt.Fprintf(a.out, "%s%s", before, bytes.TrimRight(element.Bytes(), "\n"))
	return err
}

func (a *jsonArray) end() error {
	text := "\n]\n"
	if !a.any {
		text = "[]\n"
	}
	_, err := io.WriteString(a.out, text)
	return err
}
