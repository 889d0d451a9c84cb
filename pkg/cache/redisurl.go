package cache

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// parseRedisURL reads the forms that [OpenRedis] documents. Its errors hold no part of the URL, since any part may turn
// out to be a mistyped password.
func parseRedisURL(rawURL string) (*redis.UniversalOptions, error) {
	// Not net/url: it knows one host only, and its errors quote the URL.
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return nil, errors.New("no scheme: start it with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	base, kind, _ := strings.Cut(scheme, "+")
	options := &redis.UniversalOptions{}
	switch base {
	case "redis":
	case "rediss":
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return nil, errors.New("unknown scheme: use redis or rediss, with +sentinel or +cluster after it where needed")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")

	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		var err error
		if options.Username, options.Password, err = readUser(authority[:at]); err != nil {
			return nil, err
		}
	}
	defaultPort, database := "6379", path
	switch kind {
	case "":
		if strings.Contains(hosts, ",") {
			return nil, errors.New("several hosts: say what they are with +sentinel or +cluster after the scheme")
		}
	case "sentinel":
		defaultPort = "26379"
		options.MasterName, database, _ = strings.Cut(path, "/")
		if options.MasterName == "" {
			return nil, errors.New("no service name: write it after the sentinels, as in redis+sentinel://h1,h2/main")
		}
	case "cluster":
		options.IsClusterMode = true
		if path != "" && path != "0" {
			return nil, errors.New("a cluster has database 0 only: leave the path out")
		}
	default:
		return nil, errors.New("unknown scheme: after redis+ or rediss+ comes sentinel or cluster")
	}
	var err error
	if options.Addrs, err = readHosts(hosts, defaultPort); err != nil {
		return nil, err
	}
	if database != "" {
		if options.DB, err = strconv.Atoi(database); err != nil || options.DB < 0 {
			return nil, errors.New("the database is not a number")
		}
	}
	return options, readQuery(query, kind, options)
}

func readUser(userinfo string) (user, password string, err error) {
	user, password, _ = strings.Cut(userinfo, ":")
	user, errUser := url.PathUnescape(user)
	password, errPassword := url.PathUnescape(password)
	if errUser != nil || errPassword != nil {
		return "", "", errors.New("a % in user or password begins no valid code: write the percent sign itself as %25")
	}
	return user, password, nil
}

func readHosts(hosts, defaultPort string) ([]string, error) {
	var addrs []string
	for host := range strings.SplitSeq(hosts, ",") {
		port := defaultPort
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
		} else {
			bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
			if strings.Contains(bare, ":") && net.ParseIP(bare) == nil {
				return nil, errors.New("a host is malformed: write host:port, and IPv6 addresses in brackets")
			}
			host = bare
		}
		if host == "" || strings.ContainsAny(host, " []") {
			return nil, errors.New("a host is missing or malformed")
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("a port is not a number from 1 to 65535")
		}
		addrs = append(addrs, net.JoinHostPort(host, port))
	}
	return addrs, nil
}

func readQuery(query, kind string, options *redis.UniversalOptions) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what follows the ? is malformed")
	}
	for name := range values {
		if kind != "sentinel" || (name != "sentinel_username" && name != "sentinel_password") {
			return errors.New("unknown parameter after the ?: there are only sentinel_username and sentinel_password, for sentinels")
		}
	}
	options.SentinelUsername = values.Get("sentinel_username")
	options.SentinelPassword = values.Get("sentinel_password")
	return nil
}
