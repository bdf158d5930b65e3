"""From desired state to the bytes of Kubernetes manifests."""
