// Package observe shows what the product does: logs and metrics. Neither ever holds personal data.
package observe

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// Logger writes to out, in JSON, or for people when format is "console" or out is a terminal and format is empty. Colours are for
// a terminal alone.
func Logger(out *os.File, level, format string) (zerolog.Logger, error) {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), fmt.Errorf("PASSERELLE_LOG_LEVEL: %q is none of trace, debug, info, warn, error", level)
	}
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	switch {
	case format != "":
	case terminal:
		format = "console"
	default:
		format = "json"
	}
	var writer io.Writer = out
	switch format {
	case "json":
	case "console":
		writer = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !terminal}
	default:
		return zerolog.Nop(), fmt.Errorf("PASSERELLE_LOG_FORMAT: %q is none of json, console", format)
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	return zerolog.New(writer).Level(parsed).With().Timestamp().Logger(), nil
}
