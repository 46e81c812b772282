"""The staff desk's pages of onboarding and customers, put together."""

from portal.insights import (
    account_acts,
    account_pages,
    accounts_pages,
    audit_pages,
    behind_pages,
    member_pages,
    merge_pages,
    onboarding_pages,
    report_pages,
    segment_pages,
    stuck_pages,
    usage_pages,
)
from portal.kit.web import page_router

router = page_router()
router.include_router(audit_pages.router)
router.include_router(behind_pages.router)
router.include_router(stuck_pages.router)
router.include_router(onboarding_pages.router)
router.include_router(report_pages.router)
router.include_router(accounts_pages.router)
router.include_router(member_pages.router)
router.include_router(segment_pages.router)
router.include_router(merge_pages.router)
router.include_router(account_acts.router)
router.include_router(usage_pages.router)
router.include_router(account_pages.router)
