/*
 * document.h - what each value of a document is, by the base types.
 *
 * Which definition a value has follows from where it stands, and the walk, the slices and FHIRPath all ask for it, many times a value. So it is looked up once,
 * in one pass over the tree, and kept beside it by the number of the node.
 *
 *     struct document document;
 *     if (document_read(&image, root, memo, canonicals, arena, &document) < 0) ...          // ERR_NOMEM
 *     const struct known *k = document_known(&document, node);
 *
 * The tree, the image and the arena must outlive the document. Nothing is judged here: what the definitions do not know is 0.
 */
#ifndef VALIDATE_MODEL_DOCUMENT_H
#define VALIDATE_MODEL_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/json_doc.h"
#include "validate/model/canonicals.h"
#include "validate/model/image.h"

/* Items of an array say what the array says; a companion ("_name") says what its value says. */
struct known {
    uint32_t member;          /* in image.members, index + 1 */
    img_str name;             /* of the element: "value" for valueQuantity */
    img_id type;              /* profile of the value's type; of a resource the type that it names itself, 0 when that is none */
    uint8_t kind;             /* of the type: enum img_kind + 1, 0 = unknown */
    bool list, choice;        /* of the element: its JSON form is an array; it has several names */
    bool resource;            /* an object with the name of a resource's type in it, where a resource may stand */
    bool companions;          /* an object with companions among its members */
    bool read;                /* an object whose definition is known: so are its members, as far as it names them */
    uint64_t names;           /* of such an object: bits of its members' elements (document_name_bit) */
};

/* One bit for a name: with the bits of several, a quick no to the question whether it is among them. */
static inline uint64_t document_name_bit(img_str name) { return UINT64_C(1) << (name * 2654435761u >> 26); }

/* What a member of an object is, by the name and the element whose children the object's members are: most documents are of the same few types. Zeroed at first; of one image. */
enum { DOCUMENT_MEMO = 1024 };
struct document_memo {
    struct known_member {
        const struct img_element *body;      /* NULL = free */
        const char *name; uint64_t word;     /* as written, "_" included; json_word() of it */
        struct known known;
        bool companion, resource;            /* a resource may stand here */
        const struct img_element *below;     /* whose children the value's members are, unless it is a resource; NULL = unknown */
    } slot[DOCUMENT_MEMO];
};

struct document {
    const struct image *image;
    const struct known *known;      /* of the node with number first + i */
    uint32_t first, count;
    img_id id_type;                 /* profile of the type "id" */
};

/* root may be any value of a tree; what is below it is read. Below DOCUMENT_MAX_DEPTH nothing is known. */
enum { DOCUMENT_MAX_DEPTH = 256 };
int document_read(const struct image *image, const struct json_node *root, struct document_memo *memo, struct canonicals *canonicals, struct arena *arena, struct document *ret_document);

static inline const struct known *document_known(const struct document *d, const struct json_node *node) { return &d->known[node->number - d->first]; }
static inline const struct img_member *document_member(const struct document *d, const struct json_node *node)
{
    uint32_t member = document_known(d, node)->member;
    return member != 0 ? &d->image->members[member - 1] : NULL;
}

/* The element whose children are those of a value with this definition and type; NULL = unknown. */
static inline const struct img_element *image_body(const struct image *image, const struct img_element *element, img_id type)
{
    if (element != NULL && element->children.count > 0)
        return element;
    if (element != NULL && element->content_reference != 0)
        return image_element(image, element->content_reference);
    return type != 0 ? image_element(image, image_profile(image, type)->root) : NULL;
}
/* Type of a member's value: profile of the type, 0 for elements that only have children; *ret_type (may be NULL) its entry in the definition. */
static inline img_id image_member_type(const struct image *image, const struct img_member *member, const struct img_type **ret_type)
{
    const struct img_element *element = image_element(image, member->element);
    uint32_t which = member->type > 0 ? member->type - 1 : 0;
    const struct img_type *type = which < element->types.count ? &image->types[element->types.first + which] : NULL;

    if (ret_type != NULL)
        *ret_type = type;
    return type != NULL ? type->profile_of_code : 0;
}

#endif
