"""The pages of the workshop: the list of checklists, the editor, what publishing does, and exceptions for many."""

from portal.kit.web import page_router
from portal.workshop import edit_pages, exception_pages, inviting_pages, list_pages, live_pages, version_pages

router = page_router()
router.include_router(exception_pages.router)
router.include_router(inviting_pages.router)
router.include_router(list_pages.router)
router.include_router(live_pages.router)
router.include_router(version_pages.router)
router.include_router(edit_pages.router)
