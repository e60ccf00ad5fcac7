package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

// decodeJoin reads the body of POST /join. A field that it does not know is
// refused: it would be something that the node asks for and does not get.
func decodeJoin(body []byte) (node.JoinRequest, error) {
	var j api.JoinRequest
	if !utf8.Valid(body) {
		return node.JoinRequest{}, badRequest(codeMalformedJSON, "the body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return node.JoinRequest{}, joinSyntax(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return node.JoinRequest{}, badRequest(codeMalformedJSON, "there is more after the object: send one object")
	}
	if err := checkJoin(j); err != nil {
		return node.JoinRequest{}, err
	}
	r := node.JoinRequest{
		Peer:      node.Peer{ID: j.ID, RaftAddr: j.Addr, HTTPAddr: j.HTTPAddr},
		ClusterID: j.ClusterID, LogStore: j.LogStore, Transport: j.Transport,
		CommandVersion: j.CommandVersion, Announce: j.Announce,
	}
	if j.Incarnation != "" {
		incarnation, err := strconv.ParseUint(j.Incarnation, 16, 64)
		if err != nil {
			return node.JoinRequest{}, invalidJoin("incarnation is not a hexadecimal number of 64 bits")
		}
		r.Incarnation = incarnation
	}
	return r, nil
}

func joinSyntax(err error) error {
	const example = `send a JSON object such as {"id":"node1","addr":"localhost:12001"}`
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return badRequest(codeMalformedJSON, "the body is empty: %s", example)
	case errors.As(err, &wrongType):
		return badRequest(codeInvalidType, "%s cannot be a %s: %s", cmp.Or(wrongType.Field, "the body"), wrongType.Value, example)
	case strings.Contains(err.Error(), "unknown field"):
		return badRequest(codeUnknownField, "%s: this version does not know it; is this node older than the one that joins?", strings.TrimPrefix(err.Error(), "json: "))
	}
	return badRequest(codeMalformedJSON, "the body is not JSON (%v): %s", err, example)
}

func checkJoin(j api.JoinRequest) error {
	for _, f := range []struct {
		name, value string
		required    bool
	}{
		{"id", j.ID, true},
		{"addr", j.Addr, true},
		{"http_addr", j.HTTPAddr, false},
		{"cluster_id", j.ClusterID, false},
		{"incarnation", j.Incarnation, false},
		{"log_store", j.LogStore, false},
		{"transport", j.Transport, false},
	} {
		switch {
		case f.value == "" && f.required:
			return invalidJoin("%s is missing: a join needs id and addr, the node's Raft address", f.name)
		case len(f.value) > node.MaxName:
			return invalidJoin("%s has %d bytes: it has at most %d", f.name, len(f.value), node.MaxName)
		case strings.ContainsFunc(f.value, unicode.IsControl) || strings.TrimSpace(f.value) != f.value:
			// Ids and addresses go into headers, logs and command lines.
			return invalidJoin("%s has control characters, or space around it", f.name)
		}
	}
	if err := CheckID(j.ID); err != nil {
		return invalidJoin("the id %s: %v", quote(j.ID), err)
	}
	if j.HTTPAddr == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(j.HTTPAddr)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || perr != nil || n == 0 || strings.ContainsAny(host, "/?#@ ") {
		return invalidJoin("http_addr %s is not an address that others can reach: give HOST:PORT", quote(j.HTTPAddr))
	}
	return nil
}

func invalidJoin(format string, a ...any) error {
	return badRequest(string(node.RefusedInvalid), "%s", fmt.Sprintf(format, a...))
}
