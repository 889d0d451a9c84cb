// Package observe shows what the product does: logs and metrics. Neither ever holds personal data.
package observe

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// Logger writes to out, in JSON, or for people when format is "console" or out is a terminal and format is empty.
func Logger(out *os.File, level, format string) (zerolog.Logger, error) {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), fmt.Errorf("PASSERELLE_LOG_LEVEL: %q is none of trace, debug, info, warn, error", level)
	}
	if format == "" {
		format = "json"
		if IsTerminal(out) {
			format = "console"
		}
	}
	var writer io.Writer = out
	switch format {
	case "json":
	case "console":
		writer = Console(out)
	default:
		return zerolog.Nop(), fmt.Errorf("PASSERELLE_LOG_FORMAT: %q is none of json, console", format)
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	return zerolog.New(writer).Level(parsed).With().Timestamp().Logger(), nil
}

// Console writes log lines for people. Colours are for a terminal alone. It may be used concurrently as far as out may.
func Console(out io.Writer) io.Writer {
	return zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !IsTerminal(out)}
}

// IsTerminal tells whether out is a terminal, or another device that takes characters.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
