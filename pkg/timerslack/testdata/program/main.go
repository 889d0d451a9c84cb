// Program widens its timer slack to its argument, and tells which its threads have then.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"passerelle/pkg/timerslack"
)

func main() {
	asked, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	older, widened := make(chan time.Duration), make(chan struct{})
	ready := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(ready)
		<-widened
		older <- own()
	}()
	<-ready
	fmt.Println(timerslack.Widen(asked))
	close(widened)
	seen := map[time.Duration]bool{own(): true, <-older: true}
	newer := make(chan time.Duration)
	go func() {
		runtime.LockOSThread()
		newer <- own()
	}()
	seen[<-newer] = true
	// The runtime's own threads, which run no goroutine, may be looked at by root alone.
	tasks, _ := filepath.Glob("/proc/self/task/*")
	for _, task := range tasks {
		if text, err := os.ReadFile(filepath.Join("/proc", filepath.Base(task), "timerslack_ns")); err == nil {
			slack, _ := time.ParseDuration(strings.TrimSpace(string(text)) + "ns")
			seen[slack] = true
		}
	}
	fmt.Println(slices.Sorted(maps.Keys(seen)))
}

func own() time.Duration {
	slack, err := timerslack.Now()
	if err != nil {
		panic(err)
	}
	return slack
}
