// The types of v6 under v4's path: the kubernetes provider's source names v4, while Kubernetes 0.36 is built on v6.
module sigs.k8s.io/structured-merge-diff/v4

go 1.26.0

require sigs.k8s.io/structured-merge-diff/v6 v6.4.0
