// SPDX-License-Identifier: BSL-1.0
// Go's side of the echo rows: a goroutine a connection, one processor. Prints its port, and serves
// until it is killed.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
)

func echo(peer net.Conn) {
	defer peer.Close()
	block := make([]byte, 1024)
	for {
		n, err := peer.Read(block)
		if err != nil {
			return
		}
		if _, err := peer.Write(block[:n]); err != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		peer, err := listener.Accept()
		if err == nil {
			go echo(peer)
		}
	}
}
