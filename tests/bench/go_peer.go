// SPDX-License-Identifier: BSL-1.0
// Peer of the structure and sync rows: the same in Go. Arguments: what, how many. Reads how many operations
// to do, one line a round, and answers with how many were done: process.hpp.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const fibers = 10
const spreadMs = 1000000

// Those of side.hpp.
type naps uint64

func (state *naps) next() time.Duration {
	*state ^= *state << 13
	*state ^= *state >> 7
	*state ^= *state << 17
	return time.Hour + time.Duration(uint64(*state)%spreadMs+1)*time.Millisecond
}

func plain() { runtime.Gosched() }

func timed() {
	_, cancel := context.WithTimeout(context.Background(), time.Hour)
	runtime.Gosched()
	cancel()
}

func ring(step func(), operations int) int {
	rounds := operations/fibers + 1
	var all sync.WaitGroup
	all.Add(fibers)
	for i := 0; i < fibers; i++ {
		go func() {
			for n := 0; n < rounds; n++ {
				step()
			}
			all.Done()
		}()
	}
	all.Wait()
	return rounds * fibers
}

var sum uint64
var waiting []*time.Timer
var lengths = naps(0x9e3779b97f4a7c15)

func timers(operations int) int {
	for i := 0; i < operations; i++ {
		_, cancel := context.WithTimeout(context.Background(), lengths.next())
		cancel()
	}
	return operations
}

func gather(batch int, operations int) int {
	rounds := operations/batch + 1
	results := make([]int, batch)
	for n := 0; n < rounds; n++ {
		var all sync.WaitGroup
		all.Add(batch)
		for i := 0; i < batch; i++ {
			go func(i int) {
				results[i] = 1
				all.Done()
			}(i)
		}
		all.Wait()
	}
	return rounds * batch
}

func messages(capacity int, operations int) int {
	numbers := make(chan uint64, capacity)
	go func() {
		for i := 0; i < operations; i++ {
			numbers <- uint64(i)
		}
	}()
	for i := 0; i < operations; i++ {
		sum += <-numbers
	}
	return operations
}

func main() {
	count := 0
	if len(os.Args) > 2 {
		count, _ = strconv.Atoi(os.Args[2])
	}
	if os.Args[1] == "timers" {
		others := naps(0x9e3779b97f4a7c15)
		for i := 0; i < count; i++ {
			waiting = append(waiting, time.AfterFunc(others.next(), func() {}))
		}
	}
	if os.Args[1] == "across" {
		runtime.GOMAXPROCS(2)
	}
	for {
		var wanted int
		if _, err := fmt.Scanln(&wanted); err != nil {
			return
		}
		done := 0
		switch os.Args[1] {
		case "yield":
			done = ring(plain, wanted)
		case "timeout":
			done = ring(timed, wanted)
		case "timers":
			done = timers(wanted)
		case "gather":
			done = gather(count, wanted)
		case "channel", "across":
			done = messages(count, wanted)
		}
		fmt.Println(done)
	}
}
