package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

const (
	headerRevision = api.HeaderRevision
	headerTerm     = api.HeaderTerm
	headerNode     = api.HeaderNode
)

// getKey answers from this node's own state, whoever leads.
func (h *Handler) getKey(w *answer, r *http.Request, key string) error {
	if len(key) > h.opts.Limits.MaxKey {
		return checkKey([]byte(key), h.opts.Limits)
	}
	if err := checkConsistency(r.URL.RawQuery); err != nil {
		return err
	}
	if !h.node.CaughtUp() {
		return &failure{
			status: http.StatusServiceUnavailable, code: codeNotCaughtUp, retry: true,
			detail: "this node has just started and no leader has told it yet what is committed: try again soon, or ask another node",
		}
	}
	read := h.node.Get([]byte(key))
	header := w.Header()
	setReadHeaders(header, read)
	if !read.Found {
		return &failure{status: http.StatusNotFound, code: codeKeyNotFound, detail: "there is no key " + quote(key)}
	}
	if wantsBytes(r.Header["Accept"]) {
		h.send(w, http.StatusOK, typeBytes, read.Value)
		return nil
	}
	body := bodies.Get().(*[]byte)
	*body = append(*body, '{')
	var inBase64 bool
	if *body, inBase64 = appendString(*body, key); inBase64 {
		header[api.HeaderKeyEncoding] = base64Value
	}
	*body = append(*body, ':')
	if *body, inBase64 = appendString(*body, read.Value); inBase64 {
		header[api.HeaderEncoding] = base64Value
	}
	*body = append(*body, '}', '\n')
	h.send(w, http.StatusOK, typeJSON, *body)
	if cap(*body) <= largestKept {
		*body = (*body)[:0]
		bodies.Put(body)
	}
	return nil
}

// Answers are built in buffers that are used again, unless they grew beyond
// largestKept: a few large values must not pin much memory.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

const largestKept = 64 << 10

// setReadHeaders says how fresh a read is. Reads are the hot path: the numbers
// share one string and the values one slice.
func setReadHeaders(header http.Header, read node.Read) {
	var digits [64]byte
	text := strconv.AppendUint(digits[:0], read.Revision, 10)
	revision := len(text)
	text = strconv.AppendUint(text, read.Term, 10)
	term := len(text)
	text = append(text, '"')
	text = strconv.AppendUint(text, read.ModRevision, 10)
	text = append(text, '"')
	all := string(text)
	values := []string{all[:revision], all[revision:term], all[term:]}
	header[headerRevision] = values[0:1:1]
	header[headerTerm] = values[1:2:2]
	header[api.HeaderConsistency] = staleRead
	if read.Found {
		header[etag] = values[2:3:3]
	}
}

// checkConsistency refuses every read level but the one that this version
// offers. The query is known to parse.
func checkConsistency(query string) error {
	if query == "" || query == "consistency=stale" {
		return nil
	}
	values, _ := url.ParseQuery(query)
	for _, level := range values["consistency"] {
		if level != "stale" {
			return badRequest(codeUnsupportedConsistency, "this version does not support consistency=%s: it offers stale, a past state of the node that is asked", url.QueryEscape(level))
		}
	}
	return nil
}

// wantsBytes says whether the client asked for the bare value.
func wantsBytes(accept []string) bool {
	for _, line := range accept {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ",")
			media, _, _ := strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(media), "application/octet-stream") {
				return true
			}
		}
	}
	return false
}

// appendString appends s as a JSON string: in base64 when it is not UTF-8.
func appendString[T string | []byte](b []byte, s T) (extended []byte, inBase64 bool) {
	b = append(b, '"')
	if !validUTF8(s) {
		return append(base64.StdEncoding.AppendEncode(b, []byte(s)), '"'), true
	}
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[start:]...), '"'), false
}

func validUTF8[T string | []byte](s T) bool {
	switch s := any(s).(type) {
	case string:
		return utf8.ValidString(s)
	case []byte:
		return utf8.Valid(s)
	}
	return false
}
