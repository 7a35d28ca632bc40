// SPDX-License-Identifier: EUPL-1.2

// Elastic's own Lumberjack code, to prove that ours speaks with others.
//
//	golumber serve --ca F --cert F --key F [--delay 10ms]
//	    receives: prints "port N", then each event as a line of JSON; acknowledges after printing.
//	golumber send  --ca F --cert F --key F --name HOST --address A [--window N] [--level N]
//	    sends standard input's lines as events, and ends when all are acknowledged.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	client "github.com/elastic/go-lumber/client/v2"
	server "github.com/elastic/go-lumber/server/v2"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "golumber:", err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("serve or send?"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	ca := flags.String("ca", "", "authority's certificate")
	cert := flags.String("cert", "", "our certificate")
	key := flags.String("key", "", "our key")
	name := flags.String("name", "", "the collector's name")
	address := flags.String("address", "127.0.0.1:0", "host:port")
	window := flags.Int("window", 100, "events in a window")
	level := flags.Int("level", 3, "compression, 0: none")
	delay := flags.Duration("delay", 0, "before each acknowledgement")
	fail(flags.Parse(os.Args[2:]))

	pair, err := tls.LoadX509KeyPair(*cert, *key)
	fail(err)
	pem, err := os.ReadFile(*ca)
	fail(err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		fail(fmt.Errorf("%s holds no certificate", *ca))
	}
	conf := &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   *name,
		MinVersion:   tls.VersionTLS12,
	}
	switch os.Args[1] {
	case "serve":
		serve(conf, *address, *delay)
	case "send":
		send(conf, *address, *window, *level)
	default:
		fail(fmt.Errorf("serve or send?"))
	}
}

func serve(conf *tls.Config, address string, delay time.Duration) {
	listener, err := tls.Listen("tcp", address, conf)
	fail(err)
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	srv, err := server.NewWithListener(listener)
	fail(err)
	out := bufio.NewWriter(os.Stdout)
	for batch := srv.Receive(); batch != nil; batch = srv.Receive() {
		for _, event := range batch.Events {
			line, err := json.Marshal(event)
			fail(err)
			out.Write(line)
			out.WriteByte('\n')
		}
		fail(out.Flush())
		time.Sleep(delay)
		batch.ACK()
	}
}

func send(conf *tls.Config, address string, window int, level int) {
	conn, err := tls.Dial("tcp", address, conf)
	fail(err)
	// Each event is a line that is JSON already; it goes out byte for byte.
	raw := func(v interface{}) ([]byte, error) { return []byte(v.(string)), nil }
	c, err := client.NewSyncClientWithConn(conn, client.CompressionLevel(level),
		client.Timeout(30*time.Second), client.JSONEncoder(raw))
	fail(err)
	var events []interface{}
	sent := 0
	flush := func() {
		if len(events) == 0 {
			return
		}
		n, err := c.Send(events)
		fail(err)
		sent += n
		events = nil
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 64*1024), 4*1024*1024)
	for lines.Scan() {
		events = append(events, lines.Text())
		if len(events) == window {
			flush()
		}
	}
	fail(lines.Err())
	flush()
	fail(c.Close())
	fmt.Println("acknowledged", sent)
}
