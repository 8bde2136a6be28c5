from django import template

from profiles import identity

register = template.Library()
register.filter("mask_identity", identity.mask_identity)
