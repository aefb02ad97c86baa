// SPDX-License-Identifier: BSL-1.0
// Peer of the sleepers row: goroutines that sleep once each. Arguments: how many, longest nap (ms).
package main

import (
	"os"
	"strconv"
	"sync"
	"time"
)

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	longest, _ := strconv.ParseUint(os.Args[2], 10, 64)
	state := uint64(0x9e3779b97f4a7c15) // the naps of side.hpp
	var all sync.WaitGroup
	all.Add(count)
	for i := 0; i < count; i++ {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		nap := time.Duration(state%longest+1) * time.Millisecond
		go func() {
			time.Sleep(nap)
			all.Done()
		}()
	}
	all.Wait()
}
