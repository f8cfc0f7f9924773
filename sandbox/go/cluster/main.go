// Command controlplane is one binary for the parts of a Kubernetes control plane that the sandbox runs:
//
//	controlplane etcd|apiserver|controller-manager|scheduler [flags]
//
// One binary, because the parts share most of their code: it links once and is cached once.
package main

import (
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	part := os.Args[1]
	// Each part parses its own flags from os.Args, as it does upstream.
	os.Args = append([]string{os.Args[0]}, os.Args[2:]...)
	var command *cobra.Command
	switch part {
	case "etcd":
		command = etcdCommand()
	case "apiserver":
		command = apiserver.NewAPIServerCommand()
	case "controller-manager":
		command = controllermanager.NewControllerManagerCommand()
	case "scheduler":
		command = scheduler.NewSchedulerCommand()
	default:
		usage()
	}
	os.Exit(cli.Run(command))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: controlplane etcd|apiserver|controller-manager|scheduler [flags]")
	os.Exit(2)
}

// etcdCommand runs one etcd member on loopback. Nothing in a sandbox outlives it, so it never calls fsync.
func etcdCommand() *cobra.Command {
	var dataDir, clientURL, peerURL string
	command := &cobra.Command{
		Use:          "etcd",
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			client, err := url.Parse(clientURL)
			if err != nil {
				return err
			}
			peer, err := url.Parse(peerURL)
			if err != nil {
				return err
			}
			config := embed.NewConfig()
			config.Dir = dataDir
			config.UnsafeNoFsync = true
			config.LogLevel = "warn"
			config.Name = "sandbox"
			config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
			config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
			config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
			config.InitialCluster = config.InitialClusterFromName(config.Name)
			server, err := embed.StartEtcd(config)
			if err != nil {
				return err
			}
			stop := make(chan os.Signal, 1)
			signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
			select {
			case <-stop:
				server.Close()
				return nil
			case err := <-server.Err():
				return err
			}
		},
	}
	command.Flags().StringVar(&dataDir, "data-dir", "", "folder of the data")
	command.Flags().StringVar(&clientURL, "client-url", "http://127.0.0.1:2379", "URL for clients")
	command.Flags().StringVar(&peerURL, "peer-url", "http://127.0.0.1:2380", "URL for peers (a single member dials itself)")
	return command
}
