// Command metrics-server is sigs.k8s.io/metrics-server with the few options that one node needs.
//
// Its own command is built against a newer Kubernetes than this node runs, and names types of the
// API's description that do not exist here. All that measures and serves is its own code; only the
// description comes from the Kubernetes that is built beside it, so both share one compilation.
package main

import (
	"flag"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	generated "k8s.io/kubernetes/pkg/generated/openapi"

	"sigs.k8s.io/metrics-server/pkg/api"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/server"
)

func main() {
	port := flag.Int("secure-port", 10250, "port of the metrics API")
	folder := flag.String("cert-dir", "/tmp", "where the self-signed serving certificate is written")
	resolution := flag.Duration("metric-resolution", 15*time.Second, "interval between two readings of the kubelet")
	timeout := flag.Duration("kubelet-request-timeout", 10*time.Second, "longest wait for one reading")
	flag.Parse()
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := run(*port, *folder, *resolution, *timeout); err != nil {
		klog.Fatal(err)
	}
}

func run(port int, folder string, resolution, timeout time.Duration) error {
	inCluster, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	if err := rest.SetKubernetesDefaults(inCluster); err != nil {
		return err
	}
	apiServer, err := apiServerConfig(port, folder)
	if err != nil {
		return err
	}
	complete, err := server.Config{
		Apiserver: apiServer,
		Rest:      inCluster,
		Kubelet: &client.KubeletClientConfig{
			Scheme:              "https",
			DefaultPort:         10250,
			AddressTypePriority: []corev1.NodeAddressType{corev1.NodeInternalIP}, // names are not resolved on one node
			UseNodeStatusPort:   true,
			Client:              *rest.CopyConfig(inCluster),
		},
		MetricResolution: resolution,
		ScrapeTimeout:    timeout,
	}.Complete()
	if err != nil {
		return err
	}
	return complete.RunUntil(genericapiserver.SetupSignalHandler())
}

// apiServerConfig is what metrics-server's own options make of their defaults.
//
// Source: cmd/metrics-server/app/options/options.go of sigs.k8s.io/metrics-server v0.9.0.
func apiServerConfig(port int, folder string) (*genericapiserver.Config, error) {
	serving := genericoptions.NewSecureServingOptions().WithLoopback()
	serving.BindPort = port
	serving.ServerCert.CertDirectory = folder
	if err := serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.ParseIP("127.0.0.1")}); err != nil {
		return nil, err
	}
	config := genericapiserver.NewConfig(api.Codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	if err := serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, err
	}
	authentication := genericoptions.NewDelegatingAuthenticationOptions()
	if err := authentication.ApplyTo(&config.Authentication, config.SecureServing, nil); err != nil {
		return nil, err
	}
	if err := genericoptions.NewDelegatingAuthorizationOptions().ApplyTo(&config.Authorization); err != nil {
		return nil, err
	}
	namer := openapi.NewDefinitionNamer(api.Scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generated.GetOpenAPIDefinitions, namer)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generated.GetOpenAPIDefinitions, namer)
	config.OpenAPIConfig.Info.Title = "Kubernetes metrics-server"
	config.OpenAPIV3Config.Info.Title = "Kubernetes metrics-server"
	return config, nil
}
