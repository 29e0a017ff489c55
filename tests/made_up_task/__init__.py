"""A kind of task that the site has never heard of: how many objects does this photograph show?"""
