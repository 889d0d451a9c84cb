package cache

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// cause says why a call failed that was given so much time, in words that may be logged: errors of the client and of the
// network name addresses, and those of the server may name others.
func cause(err error, timeout time.Duration) error {
	var (
		said    redis.Error
		slow    net.Error
		name    *net.DNSError
		number  syscall.Errno
		foreign *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &said):
		code, _, _ := strings.Cut(said.Error(), " ")
		return fmt.Errorf("it answers %.20s", code)
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("no answer within %s", timeout)
	case errors.As(err, &name):
		return errors.New("its name is not found")
	case errors.As(err, &number):
		return errors.New(number.Error())
	case errors.As(err, &foreign):
		return errors.New("its certificate is not accepted")
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, redis.ErrClosed):
		return errors.New("connection closed")
	}
	return errors.New("no connection")
}
