package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

func (h *Handler) getStatus(w *answer, _ *http.Request, _ string) error {
	s := h.node.Status()
	status := api.Status{
		Node:           api.Node{ID: s.Self.ID, RaftAddr: s.Self.RaftAddr, HTTPAddr: s.Self.HTTPAddr, State: s.State},
		Term:           s.Term,
		CommitIndex:    s.CommitIndex,
		AppliedIndex:   s.AppliedIndex,
		Revision:       s.Revision,
		Keys:           s.Keys,
		Checksum:       formatHex(s.Checksum),
		ClusterID:      s.ClusterID,
		LogStore:       s.LogStore,
		Transport:      s.Transport,
		Version:        h.opts.Version,
		CommandVersion: s.CommandVersion,
		MinVersion:     s.MinVersion,
		CaughtUp:       s.CaughtUp,
		UptimeSeconds:  int64(h.opts.Now().Sub(h.start) / time.Second),
		Shadow:         h.opts.Shadow(),
	}
	if s.Leader != nil {
		status.Leader = wirePeer(*s.Leader)
	}
	return h.sendJSON(w, http.StatusOK, typeJSON, status)
}

// formatHex is how checksums and incarnations, which use all 64 bits, are
// written: JSON numbers are not safe beyond 53.
func formatHex(v uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[len(b)-1-i] = digits[v>>(4*i)&15]
	}
	return string(b[:])
}

// askLeader bounds how long GET /cluster waits for the leader's view before it
// answers this node's own.
const askLeader = time.Second

// getCluster answers the leader's view, which alone has the last contacts, or
// else this node's.
func (h *Handler) getCluster(w *answer, r *http.Request, _ string) error {
	leader, known := h.node.Leader()
	if known && leader.ID != h.node.ID() && leader.HTTPAddr != "" && !forwarded(r) {
		ctx, cancel := context.WithTimeout(r.Context(), askLeader)
		defer cancel()
		resp, body, err := h.leader.send(ctx, r, leader.HTTPAddr, nil)
		if err == nil && resp.StatusCode == http.StatusOK && resp.Header[headerNode] != nil {
			copyAnswer(w, resp, body)
			return nil
		}
		h.opts.Logger.Debug("answering the cluster as known here: the leader did not", "leader", leader.ID, "error", err)
	}
	return h.sendJSON(w, http.StatusOK, typeJSON, h.cluster())
}

func (h *Handler) cluster() api.Cluster {
	c := h.node.Cluster()
	now := h.opts.Now()
	answer := api.Cluster{ClusterID: c.ClusterID, Term: c.Term, Leader: c.Leader, Members: make([]api.Member, 0, len(c.Members))}
	for _, m := range c.Members {
		member := api.Member{
			ID: m.ID, RaftAddr: m.RaftAddr, HTTPAddr: m.HTTPAddr,
			Role: string(m.Role), LogStore: m.LogStore, Transport: m.Transport,
		}
		if m.Incarnation != 0 {
			member.Incarnation = formatHex(m.Incarnation)
		}
		if !m.LastContact.IsZero() {
			ms := max(0, now.Sub(m.LastContact).Milliseconds())
			if m.Role == node.RoleLeader {
				ms = 0
			}
			member.LastContactMS = &ms
		}
		answer.Members = append(answer.Members, member)
	}
	return answer
}

// postJoin admits a node. It always reaches the leader, whatever Forward says:
// a node that joins knows one address and no more.
func (h *Handler) postJoin(w *answer, r *http.Request, _ string) error {
	body, err := h.readBody(w, r)
	if err != nil {
		return err
	}
	request, err := decodeJoin(body)
	if err != nil {
		return err
	}
	allowTime(w, h.opts.JoinTimeout)
	return h.onLeader(w, r, leaderCall{
		body: body, timeout: h.opts.JoinTimeout, forward: Proxy,
		do: func(ctx context.Context) error {
			result, err := h.node.Join(ctx, request)
			if err != nil {
				return err
			}
			answer := api.JoinResponse{ClusterID: result.ClusterID, ID: request.ID, Role: string(result.Role)}
			if leader, known := h.node.Leader(); known {
				answer.Leader = wirePeer(leader)
			}
			status := http.StatusOK
			if request.Announce && result.Role == node.RoleNonvoter {
				status = http.StatusAccepted
			}
			return h.sendJSON(w, status, typeJSON, answer)
		},
	})
}

// deleteMember removes a member, at the leader like a join.
func (h *Handler) deleteMember(w *answer, r *http.Request, id string) error {
	force, err := parseForce(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return h.onLeader(w, r, leaderCall{
		timeout: h.opts.RequestTimeout, forward: Proxy,
		do: func(ctx context.Context) error {
			if err := h.node.Remove(ctx, id, force); err != nil {
				return err
			}
			return h.sendJSON(w, http.StatusOK, typeJSON, api.RemoveResponse{ID: id})
		},
	})
}

// parseForce reads a query that is known to parse and to name nothing else.
func parseForce(query string) (force bool, err error) {
	values, _ := url.ParseQuery(query)
	for i, v := range values["force"] {
		parsed, err := strconv.ParseBool(v)
		if err != nil || i > 0 {
			return false, badRequest(codeInvalidParameter, "force is true or false, once")
		}
		force = parsed
	}
	return force, nil
}
