package queue

import "slices"

// Compared gives the names of the streams that are compared at the start.
func Compared() []string {
	var names []string
	for _, s := range wantedStreams(1) {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// Connected tells whether the client has a connection, as far as it has noticed.
func (q *Queue) Connected() bool { return q.nc.IsConnected() }
