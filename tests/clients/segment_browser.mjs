// Segment's client for browsers, bundled into a page of the vendor's product.
import { AnalyticsBrowser } from "@segment/analytics-next";

window.begin = (writeKey, apiHost) =>
  AnalyticsBrowser.load(
    { writeKey, cdnSettings: { integrations: { "Segment.io": { apiKey: writeKey } } } },
    { integrations: { "Segment.io": { apiHost, protocol: "http" } } },
  );
