// SPDX-License-Identifier: BSL-1.0
// Peer of the structure and sync rows: the same in Go. Arguments: what, how many. Reads how many operations
// to do, one line a round, and answers with how many were done, at 0 with the answer of the last
// round: process.hpp.
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

// What came of the last round; every side of a row has the same.
var answer uint64

//go:noinline
func nested(calls int) {
	if calls == 0 {
		runtime.Gosched()
		return
	}
	nested(calls - 1)
	answer += 0 // something is left to do: no tail call
}

// Goroutines that stay, and take turns with the driver, which is main.
type turns struct {
	members, calls int
	laps           int
	started        bool
}

func (ring *turns) run(operations int) int {
	laps := (operations + ring.members - 1) / ring.members
	ring.laps = laps
	if !ring.started {
		ring.started = true
		for i := 1; i < ring.members; i++ {
			go func() {
				for {
					nested(ring.calls)
					answer++
				}
			}()
		}
		nested(0)
	}
	answer = 0
	for ; ring.laps > 0; ring.laps-- {
		nested(ring.calls)
		answer++
	}
	// Go's scheduler does not keep the order: whoever is a turn or two ahead or behind is no error.
	wanted := uint64(laps * ring.members)
	if allowed := uint64(2 * ring.members); answer+allowed >= wanted && answer <= wanted+allowed {
		answer = wanted
	}
	return laps * ring.members
}

func spawn(batch int, operations int) int {
	rounds := (operations + batch - 1) / batch
	answer = 0
	var all sync.WaitGroup
	for n := 0; n < rounds; n++ {
		all.Add(batch)
		for i := 0; i < batch; i++ {
			go func() {
				answer++
				all.Done()
			}()
		}
		all.Wait()
	}
	return rounds * batch
}

func skynet(first uint64, leaves uint64) uint64 {
	if leaves == 1 {
		return first
	}
	results := make(chan uint64, 10)
	for i := uint64(0); i < 10; i++ {
		go func(from uint64) { results <- skynet(from, leaves/10) }(first + i*leaves/10)
	}
	sum := uint64(0)
	for i := 0; i < 10; i++ {
		sum += <-results
	}
	return sum
}

func fib(n int) uint64 {
	if n < 2 {
		return uint64(n)
	}
	one := make(chan uint64, 1)
	go func() { one <- fib(n - 1) }()
	two := fib(n - 2)
	return <-one + two
}

func hops(members int, operations int) int {
	rounds := (operations + members - 1) / members
	seats := make([]chan uint64, members)
	for i := range seats {
		seats[i] = make(chan uint64, 1)
	}
	for i := 1; i < members; i++ {
		go func(from, to chan uint64) {
			for n := 0; n < rounds; n++ {
				to <- <-from + 1
			}
		}(seats[i], seats[(i+1)%members])
	}
	answer = 0
	for n := 0; n < rounds; n++ {
		seats[1%members] <- answer + 1
		answer = <-seats[0]
	}
	return rounds * members
}

func crowd(size int, operations int) int {
	each := (operations + size - 1) / size
	all := make(chan uint64, 64)
	sums := make(chan uint64, size)
	for i := 0; i < size; i++ {
		go func() {
			for n := 0; n < each; n++ {
				all <- uint64(n)
			}
		}()
		go func() {
			sum := uint64(0)
			for n := 0; n < each; n++ {
				sum += <-all
			}
			sums <- sum
		}()
	}
	answer = 0
	for i := 0; i < size; i++ {
		answer += <-sums
	}
	return each * size
}

func sleepers(count int, longestMs int) {
	state := naps(0x9e3779b97f4a7c15)
	var all sync.WaitGroup
	all.Add(count)
	for i := 0; i < count; i++ {
		state.next()
		nap := time.Duration(uint64(state)%uint64(longestMs)+1) * time.Millisecond
		go func() {
			time.Sleep(nap)
			answer++
			all.Done()
		}()
	}
	all.Wait()
}

func park(operations int) int {
	for i := 0; i < operations; i++ {
		go func() { time.Sleep(time.Hour) }()
	}
	runtime.Gosched()
	return operations
}

// What a round of this name does; numbers are its further arguments.
func rows(name string, numbers []int) func(operations int) int {
	switch name {
	case "turns":
		ring := &turns{members: numbers[0], calls: numbers[1]}
		return ring.run
	case "spawn":
		return func(n int) int { return spawn(numbers[0], n) }
	case "skynet":
		return func(n int) int {
			for i := 0; i < n; i++ {
				answer = skynet(0, uint64(numbers[0]))
			}
			return n
		}
	case "fib":
		return func(n int) int {
			for i := 0; i < n; i++ {
				answer = fib(numbers[0])
			}
			return n
		}
	case "hops":
		return func(n int) int { return hops(numbers[0], n) }
	case "crowd":
		return func(n int) int { return crowd(numbers[0], n) }
	case "sleepers":
		return func(n int) int {
			answer = 0
			for i := 0; i < n; i++ {
				sleepers(numbers[0], numbers[1])
			}
			return n
		}
	case "parked":
		return park
	case "yield":
		return func(n int) int { return ring(plain, n) }
	case "timeout":
		return func(n int) int { return ring(timed, n) }
	case "timers":
		return timers
	case "gather":
		return func(n int) int { return gather(numbers[0], n) }
	default: // channel, across
		return func(n int) int {
			sum = 0
			messages(numbers[0], n)
			answer = sum
			return n
		}
	}
}

func main() {
	numbers := make([]int, len(os.Args)-2)
	for i, word := range os.Args[2:] {
		numbers[i], _ = strconv.Atoi(word)
	}
	if os.Args[1] == "timers" {
		others := naps(0x9e3779b97f4a7c15)
		for i := 0; i < numbers[0]; i++ {
			waiting = append(waiting, time.AfterFunc(others.next(), func() {}))
		}
	}
	if os.Args[1] == "across" {
		runtime.GOMAXPROCS(2)
	}
	run := rows(os.Args[1], numbers)
	for {
		var wanted int
		if _, err := fmt.Scanln(&wanted); err != nil {
			return
		}
		if wanted == 0 {
			fmt.Println(answer)
		} else {
			fmt.Println(run(wanted))
		}
	}
}
