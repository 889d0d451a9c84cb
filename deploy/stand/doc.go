// Package stand runs what a proof or a benchmark stands on: the product's programs, nats-server and redis-server, each as a
// process of its own that is started again when it ends, and simulators at addresses of their own.
package stand
