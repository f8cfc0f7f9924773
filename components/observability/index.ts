/** The picture of the mesh: Prometheus and Kiali. */
export * from "./kiali";
export * from "./prometheus";
