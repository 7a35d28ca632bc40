/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/page.h: one content written as plain text and as HTML at the same time. Every
 * text that comes in is plain; HTML escaping happens here and nowhere else. The HTML is readable
 * without images, links, scripts or colours, on a phone too. */
#ifndef VARTIO_ALERT_PAGE_H
#define VARTIO_ALERT_PAGE_H

#include "collector/detect/detect.h"
#include "common/base/text.h"

struct page {
	enum lang lang; /* of everything that does not say otherwise */
	struct buf text, html;
};

void page_begin(struct page *pg, enum lang lang, const char *title);
/* The head line: the severity's word beside the title, with the level's colour as decoration. */
void page_banner(struct page *pg, enum sigma_level level, const char *word, const char *title,
		 enum lang title_lang);
void page_heading(struct page *pg, const char *heading);
/* Blank lines part paragraphs; line ends stay. lang: the text's own, marked where it differs. */
void page_para(struct page *pg, const char *text, enum lang lang);
void page_strong(struct page *pg, const char *text); /* a paragraph that stands out */
void page_table_begin(struct page *pg);
void page_row(struct page *pg, const char *label, const char *value);
void page_table_end(struct page *pg);
void page_end(struct page *pg, const char *footer);
void page_release(struct page *pg);

#endif
