from django.shortcuts import render


def profile(request):
    """Show the account of the person who is signed in, and what comes next for them."""
    return render(request, "profiles/profile.html")
