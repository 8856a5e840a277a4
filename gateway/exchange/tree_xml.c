/*
 * NAME
 *     exchange/tree_xml - prints the envelope as XML
 *
 * SYNOPSIS
 *     exchange_tree_print_xml()
 *
 * DESCRIPTION
 *     libxml2 prints into the caller's buffer. The Base64 of a Bundle, up to 10 MB of it, never passes through the library: it is written
 *     between two flushes of the writer.
 *
 * DIAGNOSTICS
 *     ERR_NOMEM, and ERR_LIMIT from the caller's buffer.
 */
#include <libxml/xmlwriter.h>
#include "base/crypt.h"
#include "exchange/exchange_private.h"

/* The buffer remembers its failure; the library would print one to standard error. */
static int write_to_buf(void *context, const char *data, int len)
{
    if (len > 0)
        buf_add(context, data, (size_t)len);
    return len;
}

/* The writer has not closed the start tag yet: an empty text makes it. Then what is buffered goes out, and our bytes behind it. */
static int splice_xml(xmlTextWriterPtr writer, const struct bytes *bytes, struct buf *ret)
{
    if (xmlTextWriterWriteString(writer, BAD_CAST "") < 0 || xmlTextWriterFlush(writer) < 0)
        return -1;
    return base64_add(ret, bytes->data, bytes->len);
}

static int print_xml_node(xmlTextWriterPtr writer, const struct exchange_tree *node, struct buf *ret)
{
    if (xmlTextWriterStartElement(writer, BAD_CAST node->name) < 0)
        return -1;
    if (node->splice.data != NULL && splice_xml(writer, &node->splice, ret) < 0)
        return -1;
    if (node->text != NULL && xmlTextWriterWriteString(writer, BAD_CAST node->text) < 0)
        return -1;
    for (const struct exchange_tree *child = node->child; child != NULL; child = child->next)
        if (print_xml_node(writer, child, ret) < 0)
            return -1;
    return xmlTextWriterFullEndElement(writer) < 0 ? -1 : 0;
}

int exchange_tree_print_xml(const struct exchange_tree *root, struct buf *ret)
{
    int code = -1;
    xmlOutputBufferPtr out = xmlOutputBufferCreateIO(write_to_buf, NULL, ret, NULL);
    xmlTextWriterPtr writer = out != NULL ? xmlNewTextWriter(out) : NULL;
    if (writer == NULL) {
        if (out != NULL)
            xmlOutputBufferClose(out);
        return ERR_NOMEM;
    }
    if (xmlTextWriterStartDocument(writer, "1.0", "UTF-8", NULL) >= 0 && print_xml_node(writer, root->child, ret) == 0
        && xmlTextWriterEndDocument(writer) >= 0 && xmlTextWriterFlush(writer) >= 0)
        code = 0;
    xmlFreeTextWriter(writer);
    if (ret->failed != 0)
        return ret->failed;
    return code == 0 ? 0 : ERR_NOMEM;
}
