package cache

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestRedisURL(t *testing.T) {
	tests := []struct {
		url  string
		want redis.UniversalOptions
		tls  bool
	}{
		{"redis://h", redis.UniversalOptions{Addrs: []string{"h:6379"}}, false},
		{"redis://h/", redis.UniversalOptions{Addrs: []string{"h:6379"}}, false},
		{"redis://h:7000/3", redis.UniversalOptions{Addrs: []string{"h:7000"}, DB: 3}, false},
		{"redis://[::1]", redis.UniversalOptions{Addrs: []string{"[::1]:6379"}}, false},
		{"redis://[::1]:7000", redis.UniversalOptions{Addrs: []string{"[::1]:7000"}}, false},
		{"rediss://:p%40ss%2F%25@h", redis.UniversalOptions{Addrs: []string{"h:6379"}, Password: "p@ss/%"}, true},
		{"redis://user:a@b:c@h", redis.UniversalOptions{Addrs: []string{"h:6379"}, Username: "user", Password: "a@b:c"}, false},
		{
			"redis+sentinel://user:pass@h1:26379,h2:26380/mymaster/2",
			redis.UniversalOptions{
				Addrs: []string{"h1:26379", "h2:26380"}, Username: "user", Password: "pass",
				MasterName: "mymaster", DB: 2,
			}, false,
		},
		{
			"rediss+sentinel://h1/mymaster?sentinel_username=su&sentinel_password=s%26p",
			redis.UniversalOptions{
				Addrs: []string{"h1:26379"}, MasterName: "mymaster", SentinelUsername: "su", SentinelPassword: "s&p",
			}, true,
		},
		{"redis+cluster://h1,h2:7001", redis.UniversalOptions{Addrs: []string{"h1:6379", "h2:7001"}, IsClusterMode: true}, false},
		{"rediss+cluster://h1/0", redis.UniversalOptions{Addrs: []string{"h1:6379"}, IsClusterMode: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			got, err := parseRedisURL(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Addrs, tt.want.Addrs) || got.Username != tt.want.Username || got.Password != tt.want.Password ||
				got.DB != tt.want.DB || got.MasterName != tt.want.MasterName || got.IsClusterMode != tt.want.IsClusterMode ||
				got.SentinelUsername != tt.want.SentinelUsername || got.SentinelPassword != tt.want.SentinelPassword ||
				(got.TLSConfig != nil) != tt.tls {
				t.Errorf("parseRedisURL(%q) = %+v, want %+v, TLS %v", tt.url, got, tt.want, tt.tls)
			}
		})
	}
}

func TestBadRedisURL(t *testing.T) {
	const password = "hunter2"
	tests := []struct{ url, want string }{
		{"", "no scheme"},
		{password, "no scheme"},
		{"hunter2://h", "unknown scheme"},
		{"http://user:hunter2@h", "unknown scheme"},
		{"redis+hunter2://h", "unknown scheme"},
		{"redis://:hunter2@", "host is missing"},
		{"redis://:hunter2@h:port", "port"},
		{"redis://:hunter2@h:0", "port"},
		{"redis://:hunter2@h:65536", "port"},
		{"redis://u:hunter2/x@h", "port"}, // a slash that should have been encoded
		{"redis://:hunter2%zz@h", "%25"},
		{"redis://:hunter2@a:b:c", "host:port"},
		{"redis://:hunter2@h h", "host"},
		{"redis://:hunter2@h1,h2", "+sentinel or +cluster"},
		{"redis://:hunter2@h/hunter2", "database"},
		{"redis://:hunter2@h/-1", "database"},
		{"redis://:hunter2@h?hunter2=1", "parameter"},
		{"redis://:hunter2@h?%zz", "malformed"},
		{"redis+sentinel://:hunter2@h1,h2", "service name"},
		{"redis+sentinel://:hunter2@h1,,h2/main", "host is missing"},
		{"redis+cluster://:hunter2@h1/1", "database 0 only"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			r, err := OpenRedis(tt.url)
			if err == nil {
				r.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error shows the password: %q", err)
			}
		})
	}
}

func FuzzRedisURL(f *testing.F) {
	f.Add("redis+sentinel://user:pass@h1:26379,h2/mymaster/0?sentinel_password=x")
	f.Add("rediss://[::1]:7000/1")
	f.Fuzz(func(t *testing.T, rawURL string) {
		options, err := parseRedisURL(rawURL)
		if err == nil && len(options.Addrs) == 0 {
			t.Error("neither an address nor an error")
		}
	})
}
