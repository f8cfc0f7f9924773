"""An ingress with both legs encrypted, for a cluster of this program's own kubeconfig."""

import pulumi
import pulumi_enroute_istio as enroute_istio
import pulumi_kubernetes as kubernetes

config = pulumi.Config()

cluster = kubernetes.Provider(
    "cluster",
    kubeconfig=config.require_secret("kubeconfig"),
    cluster_identifier="shop",
    # Certificates are renewed in place, changes by hand put right, cut-off updates continued.
    enable_secret_mutable=True,
    enable_patch_force=True,
    upsert_existing_objects=True,
)

ingress = enroute_istio.EncryptedIngress(
    "shop",
    istio=enroute_istio.IstioSettingsArgs(version="1.31.0"),
    namespaces=[enroute_istio.EncryptedIngressNamespaceSettingsArgs(name="shop", only_from_gateway=True)],
    gateway=enroute_istio.GatewaySettingsArgs(
        version="0.8.7",
        images=enroute_istio.ImagesSettingsArgs(redis=enroute_istio.RedisSettingsArgs(tag="7.4.1")),
    ),
    certificate=enroute_istio.CertificateSettingsArgs(issuer="generated"),
    hosts=[
        enroute_istio.HostSettingsArgs(
            host="shop.example.com",
            namespace="shop",
            routes=[enroute_istio.RouteSettingsArgs(service="storefront", port=80)],
        )
    ],
    opts=pulumi.ResourceOptions(providers=[cluster]),
)

pulumi.export("address", ingress.gateway_address)
pulumi.export("caCertificate", ingress.ca_certificate)
