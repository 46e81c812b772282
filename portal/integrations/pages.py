"""The pages of this room, for the composition root."""

from portal.integrations import key_pages, source_acts, source_pages
from portal.kit.web import page_router

router = page_router()
router.include_router(source_acts.router)
router.include_router(source_pages.router)
router.include_router(key_pages.router)
