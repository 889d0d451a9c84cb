package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
)

// pour sends webhooks until the process takes no more, and gives how many were answered 202. told is called after each.
func (w *town) pour(url string, most int, told func(accepted int)) int {
	w.t.Helper()
	var next, accepted atomic.Int32
	var all sync.WaitGroup
	client := &http.Client{Timeout: 40 * time.Second}
	defer client.CloseIdleConnections()
	for range 4 {
		all.Go(func() {
			for int(next.Load()) < most {
				body := published(fmt.Sprintf("00000000-0000-4000-8000-%012d", next.Add(1)-1))
				request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, url+"/webhooks/iadvize", strings.NewReader(body))
				if err != nil {
					w.t.Error(err)
					return
				}
				request.Header.Set("x-iadvize-signature", simiadvize.Sign(testSecret, []byte(body)))
				response, err := client.Do(request)
				if err != nil {
					return // it has ended
				}
				response.Body.Close()
				if response.StatusCode == http.StatusAccepted {
					told(int(accepted.Add(1)))
				}
			}
		})
	}
	all.Wait()
	return int(accepted.Load())
}

func (p *process) count(text string) (n int) {
	p.logs.mu.Lock()
	defer p.logs.mu.Unlock()
	for _, line := range p.logs.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func TestASignalUnderLoadFinishesWhatBeganAndGivesBackTheRest(t *testing.T) {
	const most, allowed = 400, 12 * time.Second
	for name, fault := range map[string]simzendesk.Fault{
		"slow": {Kind: simzendesk.Slow, Delay: 300 * time.Millisecond, Method: http.MethodPost, Path: "/api/v2/tickets"},
		"hung": {Kind: simzendesk.Hang, Method: http.MethodPost, Path: "/api/v2/tickets"}, // longer than the time to drain
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			for i := range most {
				w.conversation(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), nil)
			}
			w.account.Fault(fault)
			env := slices.Concat(w.env, []string{"PASSERELLE_WORKER_SLOTS=4", "PASSERELLE_DRAIN_TIMEOUT=" + allowed.String(), "PASSERELLE_SWEEP_EVERY=24h"})
			first := start(t, env, "serve")
			enough := make(chan struct{})
			poured := make(chan int)
			url := first.address("ingest")
			go func() {
				poured <- w.pour(url, most, func(n int) {
					if n == 40 {
						close(enough)
					}
				})
			}()
			<-enough
			until(t, "work in hand", func() bool { return w.account.Requests()["POST /api/v2/tickets"] >= 4 })
			begun := time.Now()
			first.signal(syscall.SIGTERM)
			<-first.done
			took, accepted := time.Since(begun), <-poured
			if status := first.cmd.ProcessState.ExitCode(); status != 0 || took > allowed {
				t.Errorf("exit status %d after %s of %s", status, took, allowed)
			}
			made := first.count("conversation created")
			if got := w.zendesk.Summary().Tickets; got != made {
				t.Errorf("%d tickets, of which the process knows %d", got, made)
			}
			if made >= accepted {
				t.Fatalf("nothing is left of %d", accepted)
			}
			w.account.ClearFaults()
			begun = time.Now()
			second := start(t, env, "serve")
			until(t, "the rest", func() bool { return w.zendesk.Summary().ExternalIDs >= accepted })
			rest := time.Since(begun)
			second.end()
			if sum := w.zendesk.Summary(); sum.Tickets != accepted || sum.Doubled != 0 {
				t.Errorf("%d tickets for %d webhooks: %+v", sum.Tickets, accepted, sum)
			}
			if n := second.count("conversation created"); n != accepted-made {
				t.Errorf("the second process made %d, want %d", n, accepted-made)
			}
			if n := w.account.Requests()["POST /api/v2/tickets"]; name == "slow" && n != accepted {
				t.Errorf("%d calls to create %d tickets", n, accepted)
			}
			t.Logf("%s: drained in %s of %s; %d webhooks, %d tickets made before the end, %d by the second process in %s",
				name, took.Round(time.Millisecond), allowed, accepted, made, accepted-made, rest.Round(time.Millisecond))
		})
	}
}
