package process_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/forkbikash/keyval/client/api"
)

// An answer is what a node answered over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is the answer as a problem; its code is empty when it is none.
func (a answer) problem() api.Problem {
	var p api.Problem
	if a.header.Get("Content-Type") == api.ProblemType {
		_ = json.Unmarshal([]byte(a.body), &p) // then the code is missed
	}
	return p
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, strings.TrimSpace(a.body)) }

// is says with an error that the answer is not status with code; code is empty
// when no problem is wanted.
func (a answer) is(status int, code string) error {
	if a.status != status || a.problem().Code != code {
		return fmt.Errorf("answered %v, want %d %s", a, status, code)
	}
	return nil
}

// do sends a request as curl would: a body goes with curl's Content-Type.
func (n *node) do(method, path, body string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+n.haddr+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := n.c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was only read
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

// ask is do for requests that must be answered.
func (n *node) ask(method, path, body string) answer {
	n.c.t.Helper()
	a, err := n.do(method, path, body)
	if err != nil {
		n.c.t.Fatalf("%s %s at %s: %v", method, path, n.id, err)
	}
	return a
}

// askUnread is ask for requests whose body may be refused unread. net/http closes
// the connection half a second after such an answer, and a client that is kept
// from the processor for that long is reset while it writes, and must ask again.
func (n *node) askUnread(method, path, body string) (a answer) {
	n.c.t.Helper()
	await(n.c.t, "an answer to "+method+" "+path[:min(len(path), 40)], func() (err error) {
		a, err = n.do(method, path, body)
		return err
	})
	return a
}

// askRemoval asks for the removal of a member, again while there is no leader,
// which changes nothing.
func (n *node) askRemoval(id, query string) (a answer) {
	n.c.t.Helper()
	await(n.c.t, "an answer to the removal of "+id, func() error {
		a = n.ask(http.MethodDelete, "/cluster/"+id+query, "")
		if a.status == http.StatusServiceUnavailable {
			return fmt.Errorf("it answered %v", a)
		}
		return nil
	})
	return a
}

func object(key, value string) string {
	b, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

// tryPut writes once. Without an error the write is acknowledged.
func (n *node) tryPut(key, value string) error {
	a, err := n.do(http.MethodPost, "/key", object(key, value))
	if err != nil {
		return err
	}
	return a.is(http.StatusOK, "")
}

// put writes until it is acknowledged: elections may be under way.
func (n *node) put(key, value string) {
	n.c.t.Helper()
	await(n.c.t, fmt.Sprintf("a write of %s at %s", key, n.id), func() error { return n.tryPut(key, value) })
}

// has says with an error that key does not read as value at the node.
func (n *node) has(key, value string) error {
	a, err := n.do(http.MethodGet, "/key/"+url.PathEscape(key), "")
	if err != nil {
		return err
	}
	if want := object(key, value) + "\n"; a.status != http.StatusOK || a.body != want {
		return fmt.Errorf("%s reads at %s as %v, want 200 %s", key, n.id, a, want)
	}
	return nil
}

// lacks says with an error that the node has key.
func (n *node) lacks(key string) error {
	a, err := n.do(http.MethodGet, "/key/"+url.PathEscape(key), "")
	if err != nil {
		return err
	}
	return a.is(http.StatusNotFound, "key_not_found")
}

// awaitKey waits until key reads as value at each of nodes.
func (c *cluster) awaitKey(key, value string, nodes ...*node) {
	c.t.Helper()
	for _, n := range nodes {
		await(c.t, key+" at "+n.id, func() error { return n.has(key, value) })
	}
}

func (n *node) getJSON(path string, to any) error {
	a, err := n.do(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("GET %s at %s: %v", path, n.id, a)
	}
	return json.Unmarshal([]byte(a.body), to)
}

func (n *node) status() (s api.Status, err error) {
	err = n.getJSON("/status", &s)
	return s, err
}

func (n *node) mustStatus() api.Status {
	n.c.t.Helper()
	s, err := n.status()
	if err != nil {
		n.c.t.Fatal(err)
	}
	return s
}

func (n *node) cluster() (c api.Cluster, err error) {
	err = n.getJSON("/cluster", &c)
	return c, err
}

// awaitReady waits until the node says that it may be given traffic.
func (n *node) awaitReady() {
	n.c.t.Helper()
	await(n.c.t, n.id+" to be ready", func() error {
		var r api.Readiness
		return n.getJSON("/readyz", &r)
	})
}

// remove asks for a member's removal until that is done: under load a living
// member may seem dead for a moment.
func (n *node) remove(member *node, query string) {
	n.c.t.Helper()
	await(n.c.t, "the removal of "+member.id, func() error {
		a, err := n.do(http.MethodDelete, "/cluster/"+member.id+query, "")
		if err != nil {
			return err
		}
		if a.is(http.StatusNotFound, "not_a_member") == nil {
			return nil // an earlier try had done it
		}
		return a.is(http.StatusOK, "")
	})
}
