package httpapi

import (
	"net/http"
	"net/url"
	"strings"
)

// handlerFunc serves one call. Arg is what the path names, unescaped: a key or
// a member's id. Nothing may be written before an error is returned.
type handlerFunc func(w *answer, r *http.Request, arg string) error

// resource is what one path offers. A nil method is not offered.
type resource struct {
	get, post, delete handlerFunc // get serves HEAD too
	allow             string
	params            []string // query parameters that it knows
	anyQuery          bool     // it ignores parameters that it does not know
}

type routes struct {
	key, member *resource            // paths with an argument
	fixed       map[string]*resource // the others
}

func (h *Handler) newRoutes() routes {
	keys := &resource{get: emptyKey, post: h.postKeys, delete: emptyKey, allow: "POST"}
	return routes{
		key:    &resource{get: h.getKey, delete: h.deleteKey, allow: "GET, HEAD, DELETE", params: []string{"consistency"}},
		member: &resource{delete: h.deleteMember, allow: "DELETE", params: []string{"force"}},
		fixed: map[string]*resource{
			"/key":     keys,
			"/key/":    keys,
			"/status":  {get: h.getStatus, allow: "GET, HEAD"},
			"/cluster": {get: h.getCluster, allow: "GET, HEAD"},
			"/join":    {post: h.postJoin, allow: "POST"},
			"/healthz": {get: h.getHealth, allow: "GET, HEAD", anyQuery: true},
			"/readyz":  {get: h.getReady, allow: "GET, HEAD", anyQuery: true},
		},
	}
}

// find goes by the path as it was sent. A cleaned or unescaped one would take
// keys such as ".." or "a%2Fb" for something else.
func (h *Handler) find(u *url.URL) (res *resource, arg string, err error) {
	path := u.EscapedPath()
	if res = h.routes.fixed[path]; res != nil {
		return res, "", nil
	}
	if arg, ok := strings.CutPrefix(path, "/key/"); ok {
		res = h.routes.key
		arg, err = url.PathUnescape(arg)
		return res, arg, err
	}
	if arg, ok := strings.CutPrefix(path, "/cluster/"); ok && arg != "" {
		res = h.routes.member
		arg, err = url.PathUnescape(arg)
		return res, arg, err
	}
	return nil, "", &failure{
		status: http.StatusNotFound, code: codeNotFound,
		detail: "there is nothing at " + quote(path) + ": keyval serves /key, /status, /cluster, /join, /healthz and /readyz",
	}
}

func (h *Handler) dispatch(w *answer, r *http.Request) error {
	res, arg, err := h.find(r.URL)
	if err != nil {
		return err
	}
	var serve handlerFunc
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		serve = res.get
	case http.MethodPost:
		serve = res.post
	case http.MethodDelete:
		serve = res.delete
	case http.MethodOptions:
		w.Header().Set("Allow", res.allow)
		h.send(w, http.StatusNoContent, nil, nil)
		return nil
	}
	if serve == nil {
		return &failure{
			status: http.StatusMethodNotAllowed, code: codeMethodNotAllowed, allow: res.allow,
			detail: r.Method + " is not offered here, only " + res.allow,
		}
	}
	if err := h.checkOrigin(r); err != nil {
		return err
	}
	if err := h.checkForwarded(r); err != nil {
		return err
	}
	if err := checkQuery(r.URL.RawQuery, res); err != nil {
		return err
	}
	if err := checkHeaders(r); err != nil {
		return err
	}
	return serve(w, r, arg)
}

// checkOrigin keeps out what a web page of another site has a browser send. A
// body is taken for JSON whatever its type is called, so a browser would not ask
// first, and one on a trusted network reaches what its page does not.
func (h *Handler) checkOrigin(r *http.Request) error {
	if h.origin.Check(r) == nil {
		return nil
	}
	return &failure{
		status: http.StatusForbidden, code: codeCrossOrigin,
		detail: "a browser sent this for a web page of another site, which may not change anything here; nothing was changed",
	}
}

// checkQuery refuses parameters that the call does not know: an answer must not
// be weaker than what was asked for, unnoticed.
func checkQuery(query string, res *resource) error {
	if query == "" || res.anyQuery {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return badRequest(codeInvalidParameter, "the query cannot be read: %v", err)
	}
	for name := range values {
		known := false
		for _, p := range res.params {
			known = known || p == name
		}
		if !known {
			return badRequest(codeUnsupportedParameter, "this version does not support the query parameter %s on this call: leave it out", quote(name))
		}
	}
	return nil
}

// Headers that would change what a write does, and that this version does not
// honour. A read may ignore those that concern it.
var unsupportedHeaders = []string{"Idempotency-Key", "If-Match", "If-None-Match", "Content-Encoding"}

func checkHeaders(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	for _, name := range unsupportedHeaders {
		if _, ok := r.Header[name]; ok {
			return badRequest(codeUnsupportedHeader, "this version does not support the header %s: leave it out", name)
		}
	}
	return nil
}

func emptyKey(*answer, *http.Request, string) error {
	return badRequest(codeEmptyKey, "a key has at least one byte: put it after /key/")
}
