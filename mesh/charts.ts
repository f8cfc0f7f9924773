/* What is fixed about every chart, and about the charts of Prometheus and Kiali. */

/** How long Helm waits for a release to become ready. */
export const defaultTimeoutSeconds = 300;

/** Repository of the chart `prometheus`. */
export const prometheusCharts = "https://prometheus-community.github.io/helm-charts";

/** How long Prometheus keeps samples. */
export const defaultRetention = "15d";

/** Repository of the chart `kiali-server`. */
export const kialiCharts = "https://kiali.org/helm-charts";

/** How people log in to Kiali: with a service account's token, or not at all. */
export const kialiAuthentications = ["token", "anonymous"] as const;
export type KialiAuthentication = (typeof kialiAuthentications)[number];
export const defaultAuthentication: KialiAuthentication = "token";
