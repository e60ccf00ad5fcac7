package tcp

import "github.com/hashicorp/raft"

// pipeline is known to its network until it is closed. Without that, closing the
// transport would leave the pipeline's goroutine, and whoever waits to send,
// until the pipeline's owner closes it too.
type pipeline struct {
	raft.AppendPipeline
	owner *network
}

func (p *pipeline) Close() error {
	p.owner.mu.Lock()
	delete(p.owner.pipelines, p)
	p.owner.mu.Unlock()
	return p.AppendPipeline.Close()
}

// AppendEntriesPipeline implements raft.Transport. It returns raft's errors as
// they are: raft compares with [raft.ErrPipelineReplicationNotSupported].
func (n *network) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := n.NetworkTransport.AppendEntriesPipeline(id, withID(id, target))
	if err != nil {
		return nil, err
	}
	p := &pipeline{AppendPipeline: inner, owner: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		_ = inner.Close()
		return nil, raft.ErrTransportShutdown
	}
	n.pipelines[p] = struct{}{}
	return p, nil
}

// closePipelines ends all pipelines and lets no further one begin.
func (n *network) closePipelines() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for p := range n.pipelines {
		_ = p.AppendPipeline.Close()
	}
	clear(n.pipelines)
}
