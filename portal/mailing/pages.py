"""The pages of mails at the staff desk, for the composition root; and the tabs they share."""

from portal.kit.web import page_router
from portal.mailing import address_pages, alert_pages, batch_pages, compose_pages, log_pages, rule_pages, template_pages

router = page_router()
for pages in (compose_pages, batch_pages, template_pages, rule_pages, address_pages, alert_pages, log_pages):
    router.include_router(pages.router)
