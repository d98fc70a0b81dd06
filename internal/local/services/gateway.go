package services

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// A Gateway gives the deployed API a short address of its own. MiniStack tells
// APIs apart by a host name that not every machine resolves. It also holds the
// real gateway's limit on bodies, which MiniStack does not.
type Gateway struct {
	URL    string
	server *http.Server
}

const maxBody = 10 << 20

// Listen takes the port, or a free one if that is taken. The address is known
// before the deploy, which needs it for the links in mails.
func Listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, nil
}

// StartGateway serves the deployed API on a listener.
func StartGateway(s *Stack, mails *Mailbox, l net.Listener) (*Gateway, error) {
	to, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, err
	}
	host := s.APIID + ".execute-api.localhost:" + to.Port()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
			r.Out.Host = host
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = w.Write([]byte(`{"message":"Request Entity Too Large"}`))
			return
		}
		if r.Method == http.MethodGet && (r.URL.Path == MailPath || strings.HasPrefix(r.URL.Path, MailPath+"/")) {
			mails.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodOptions && s.preflight(w, r) {
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		proxy.ServeHTTP(w, r)
	})
	g := &Gateway{URL: "http://" + l.Addr().String(), server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

// Close stops listening and cuts what is still open.
func (g *Gateway) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if g.server.Shutdown(ctx) != nil {
		_ = g.server.Close()
	}
}
