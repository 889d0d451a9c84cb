package main

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/cache/redistest"
	"passerelle/pkg/sim/simiadvize"
)

// redisSays sends commands to a server, a line each, and wants "+OK" for each.
func redisSays(t *testing.T, p *redistest.Process, command string) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	for range strings.Count(command, "\r\n") + 1 {
		if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
			t.Fatalf("%s: %q, %v", command, line, err)
		}
	}
}

func TestTicketsGoOnWhateverRedisDoes(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	nats, _ := startNATS(t)
	url, redis := redistest.Start(t, "maxmemory-policy noeviction")
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + nats, "PASSERELLE_REDIS_URL=" + strings.Replace(url, "://", "://:redis-secret@", 1)})
	redisSays(t, redis, "CONFIG SET requirepass redis-secret")
	in := start(t, env, "serve", "--roles", "ingest")
	old := start(t, env, "serve", "--roles", "worker") // lives through all of it
	webhooks := in.address("ingest")
	sent := 0
	// Each conversation has an agent of its own, whom nobody has in memory.
	converse := func(name string) {
		const some = 12
		begun := time.Now()
		for range some {
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", sent)
			agent := fmt.Sprintf("agent%d@example.com", sent)
			w.conversation(id, func(c *simiadvize.Conversation) { c.Agents[1].Email = agent })
			if status, answer := post(t, webhooks, published(id)); status != 202 {
				t.Fatalf("%s: %d %s", name, status, answer)
			}
			sent++
		}
		until(t, fmt.Sprintf("%d tickets with Redis %s", sent, name), func() bool { return w.zendesk.Summary().ExternalIDs == sent })
		t.Logf("Redis %s: %d tickets in %s", name, some, time.Since(begun).Round(time.Millisecond))
	}
	converse("well")
	fresh := func(name string) *process { // its memory is empty, so that it asks Redis for everything
		p := start(t, env, "serve", "--roles", "worker")
		t.Cleanup(func() {
			if n := p.count("redis-secret") + p.count(redis.Addr()); n != 0 {
				t.Errorf("%s: the log holds Redis' address or password", name)
			}
		})
		return p
	}
	const outOfReach = "Redis out of reach"
	// Which worker gets a conversation is chance, so that the fresh one may need some more to notice.
	missed := func(fresh *process, name string) {
		for round := 0; fresh.count(outOfReach) == 0; round++ {
			if round == 50 {
				t.Fatalf("Redis is %s and nothing says so", name)
			}
			converse(name)
		}
	}
	login := func(command string) string { return "AUTH redis-secret\r\n" + command }
	redisSays(t, redis, login("FLUSHALL"))
	flushed := fresh("flushed")
	converse("flushed")
	flushed.end()

	redis.Pause()
	hung := fresh("hung")
	converse("hung")
	missed(hung, "hung")
	redis.Continue()
	converse("continued")
	hung.end()

	redisSays(t, redis, login("CONFIG SET maxmemory 1"))
	full := fresh("full")
	converse("full")
	full.end()

	redis.Kill()
	killed := fresh("killed")
	converse("killed")
	missed(killed, "killed")
	if killed.count(`"error":"connection refused"`) == 0 {
		t.Error("the log does not say why Redis is out of reach")
	}
	redis.Restart()
	converse("empty and without password")
	killed.end()
	if n := old.count(outOfReach); n > 3 {
		t.Errorf("the log says %d times that Redis is out of reach, while it went twice", n)
	}
	if sum := w.zendesk.Summary(); sum.Tickets != sent || sum.Doubled != 0 {
		t.Errorf("%d tickets for %d conversations: %+v", sum.Tickets, sent, sum)
	}
	if out, errOut, status := command(t, env, "deadletters", "list", "-o", "json"); status != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("dead letters: %d %s %s", status, out, errOut)
	}
	for _, p := range []*process{in, old} {
		if status := p.end(); status != 0 {
			t.Errorf("exit status %d", status)
		}
	}
}

func TestAWebhookAndTheWorkersWaitForNATS(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	url, server := startNATS(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + url})
	p := start(t, env, "serve")
	webhooks := p.address("ingest")
	for i, id := range []string{closedID, strings.Replace(closedID, "4c", "5d", 1)} {
		w.conversation(id, nil)
		server.kill()
		answers := make(chan int, 1)
		go func() {
			defer close(answers)
			status, _ := post(t, webhooks, published(id))
			answers <- status
		}()
		until(t, "NATS is missed", func() bool { return p.count("events cannot be stored") > 0 && p.count("NATS out of reach") > i })
		server = startProgram(t, server.cmd.Path, nil, server.cmd.Args[1:]...)
		if status := <-answers; status != 202 {
			t.Fatalf("%d", status)
		}
		until(t, "the ticket", func() bool { return w.zendesk.Summary().ExternalIDs == i+1 })
	}
	if sum := w.zendesk.Summary(); sum.Tickets != 2 || sum.Doubled != 0 {
		t.Errorf("summary = %+v", sum)
	}
}

func TestAPoisonMessageStopsNobody(t *testing.T) {
	w := newTown(t)
	url, _ := startNATS(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + url})
	p := start(t, env, "serve")
	webhooks := p.address("ingest")
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for i, poison := range []string{"", "{", "null", "[]", `{"kind":7}`, `{"conversation_id":"x","kind":"unheard of"}`, strings.Repeat("x", 500_000)} {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("ev._.poison%d.closed", i), []byte(poison)); err != nil {
			t.Fatal(err)
		}
	}
	w.conversation(closedID, nil)
	post(t, webhooks, published(closedID))
	w.checkTicket(closedID)
	until(t, "an empty queue", func() bool {
		stream, err := js.Stream(t.Context(), "EVENTS")
		return err == nil && stream.CachedInfo().State.Msgs == 0
	})
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
