/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/alert/page.h"

static void put_html(struct page *pg, const char *text)
{
	text_put_html(&pg->html, slice_str(text));
}

/* Opens an element with lang only where it differs from the page's. */
static void open_element(struct page *pg, const char *element, const char *style, enum lang lang)
{
	buf_printf(&pg->html, "<%s", element);
	if (lang != pg->lang)
		buf_printf(&pg->html, " lang=\"%s\"", lang_names[lang]);
	buf_printf(&pg->html, " style=\"%s\">", style);
}

void page_begin(struct page *pg, enum lang lang, const char *title)
{
	*pg = (struct page){ .lang = lang };
	buf_printf(&pg->html,
		   "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"format-detection\" content=\"telephone=no\">\n<title>",
		   lang_names[lang]);
	put_html(pg, title);
	buf_str(&pg->html, "</title>\n</head>\n"
			   "<body style=\"margin:0;padding:16px;background:#ffffff;color:#1a1a1a;"
			   "font-family:sans-serif;font-size:16px;line-height:1.5\">\n"
			   "<div style=\"max-width:40em\">\n");
}

void page_banner(struct page *pg, enum sigma_level level, const char *word, const char *title,
		 enum lang title_lang)
{
	static const char *const colours[] = { "#4d5766", "#4d5766", "#8a6100", "#b3261e",
					       "#8c0d0d" };

	buf_printf(&pg->text, "%s\n%s\n", word, title);
	buf_printf(&pg->html, "<div style=\"border-left:6px solid %s;padding-left:12px\">\n",
		   colours[level]);
	buf_printf(&pg->html, "<p style=\"margin:0;color:%s\"><strong>", colours[level]);
	put_html(pg, word);
	buf_str(&pg->html, "</strong></p>\n");
	open_element(pg, "h1", "font-size:22px;line-height:1.3;margin:4px 0 0 0", title_lang);
	put_html(pg, title);
	buf_str(&pg->html, "</h1>\n</div>\n");
}

void page_heading(struct page *pg, const char *heading)
{
	buf_str(&pg->text, "\n* ");
	buf_str(&pg->text, heading);
	buf_str(&pg->text, " *\n");
	buf_str(&pg->html, "<h2 style=\"font-size:18px;line-height:1.3;margin:24px 0 4px 0\">");
	put_html(pg, heading);
	buf_str(&pg->html, "</h2>\n");
}

/* One paragraph of html: lines parted by <br>. */
static void put_lines(struct page *pg, struct slice para)
{
	while (para.n > 0) {
		ssize_t nl = slice_chr(para, '\n');
		size_t line = nl < 0 ? para.n : (size_t)nl;

		text_put_html(&pg->html, (struct slice){ para.p, line });
		para = slice_from(para, line + (nl >= 0));
		if (para.n > 0)
			buf_str(&pg->html, "<br>\n");
	}
}

void page_para(struct page *pg, const char *text, enum lang lang)
{
	struct slice rest = slice_trim(slice_str(text));

	buf_slice(&pg->text, rest);
	buf_chr(&pg->text, '\n');
	while (rest.n > 0) {
		ssize_t gap = slice_find(rest, SLICE("\n\n"));
		size_t n = gap < 0 ? rest.n : (size_t)gap;

		open_element(pg, "p", "margin:0 0 8px 0", lang);
		put_lines(pg, (struct slice){ rest.p, n });
		buf_str(&pg->html, "</p>\n");
		rest = slice_trim(slice_from(rest, n));
	}
}

void page_strong(struct page *pg, const char *text)
{
	buf_str(&pg->text, text);
	buf_chr(&pg->text, '\n');
	buf_str(&pg->html, "<p style=\"margin:0 0 8px 0;font-size:18px\"><strong>");
	put_lines(pg, slice_str(text));
	buf_str(&pg->html, "</strong></p>\n");
}

void page_table_begin(struct page *pg)
{
	buf_str(&pg->html, "<table style=\"border-collapse:collapse;width:100%\">\n");
}

void page_row(struct page *pg, const char *label, const char *value)
{
	buf_printf(&pg->text, "%s: %s\n", label, value);
	buf_str(&pg->html, "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;"
			   "padding:4px 12px 4px 0;border-bottom:1px solid #c6ccd4\">");
	put_html(pg, label);
	buf_str(&pg->html, "</th><td style=\"padding:4px 0;border-bottom:1px solid #c6ccd4;"
			   "overflow-wrap:anywhere;word-break:break-word\">");
	put_html(pg, value);
	buf_str(&pg->html, "</td></tr>\n");
}

void page_table_end(struct page *pg)
{
	buf_str(&pg->html, "</table>\n");
}

void page_end(struct page *pg, const char *footer)
{
	buf_printf(&pg->text, "\n-- \n%s\n", footer);
	buf_str(&pg->html, "<p style=\"margin:24px 0 0 0;font-size:14px;color:#4d5766\">");
	put_lines(pg, slice_str(footer));
	buf_str(&pg->html, "</p>\n</div>\n</body>\n</html>\n");
}

void page_release(struct page *pg)
{
	buf_release(&pg->text);
	buf_release(&pg->html);
}
