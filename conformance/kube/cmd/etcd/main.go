// Command etcd is the real one, of the release that this kube-apiserver is built and tested with: with Debian's, which is
// years older, kube-apiserver switches features off (watch-list, consistent reads from its cache).
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
