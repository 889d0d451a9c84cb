package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

type serverSays string

func (s serverSays) Error() string { return string(s) }
func (serverSays) RedisError()     {}

func TestCauseNamesNoAddress(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 6379}
	for _, c := range []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "no answer within 50ms"},
		{&net.OpError{Op: "read", Net: "tcp", Addr: at, Err: os.ErrDeadlineExceeded}, "no answer within 50ms"},
		{redis.ErrPoolTimeout, "no answer within 50ms"},
		{&net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection refused"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "redis.internal", IsNotFound: true}}, "its name is not found"},
		{serverSays("NOAUTH Authentication required."), "it answers NOAUTH"},
		{fmt.Errorf("first: %w", serverSays("MOVED 3999 10.1.2.3:6381")), "it answers MOVED"},
		{serverSays("aVeryLongWordWithoutAnySpaceAt10.1.2.3:6381"), "it answers aVeryLongWordWithout"},
		{serverSays(""), "it answers "},
		{&tls.CertificateVerificationError{Err: errors.New("valid for redis.internal")}, "its certificate is not accepted"},
		{io.EOF, "connection closed"},
		{redis.ErrClosed, "connection closed"},
		{errors.New("10.1.2.3:6379: something else"), "no connection"},
	} {
		if got := cause(c.err, 50*time.Millisecond).Error(); got != c.want {
			t.Errorf("cause(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}
