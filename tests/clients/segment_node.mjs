// Segment's client for Node as its documentation shows it; prints every failure it tells of.
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: process.env.WRITE_KEY, host: process.env.PORTAL, path: "/api/v1/batch" });
analytics.on("error", (error) => console.log("error", error.code, error.reason));
analytics.track({ anonymousId: "a1", event: "page.found" });
analytics.group({ userId: "u1", groupId: "acme", traits: { name: "株式会社アクメ", plan: "pro" } });
analytics.identify({ userId: "u1", anonymousId: "a1", traits: { name: "早川 美咲", email: "misaki@acme.example" } });
for (let number = 0; number < 50; number += 1) {
  analytics.track({ userId: "u1", event: "invoice.sent", properties: { number }, messageId: `m${number % 40}` });
}
analytics.page({ userId: "u1", name: "Pricing" });
analytics.screen({ userId: "u1", name: "Home" });
analytics.alias({ previousId: "a2", userId: "u1" });
await analytics.closeAndFlush();
