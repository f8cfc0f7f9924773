// The tether ties a process of the sandbox to the one that started it. A module of its own: it builds in a second, and
// a change of it rebuilds nothing else.
module enroute-istio/sandbox/tether

go 1.26.0
