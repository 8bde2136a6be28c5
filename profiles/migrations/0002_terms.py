"""The first words of the Commission's lists; administrators keep them from here on."""

from django.db import migrations

SPECIALTIES = {
    "medicine": ("الطب البشري", "Medicine"),
    "dentistry": ("طب الأسنان", "Dentistry"),
    "pharmacy": ("الصيدلة", "Pharmacy"),
    "nursing": ("التمريض", "Nursing"),
    "midwifery": ("القبالة", "Midwifery"),
    "laboratory": ("المختبرات الطبية", "Medical laboratory"),
    "radiology": ("الأشعة", "Radiology"),
    "physiotherapy": ("العلاج الطبيعي", "Physiotherapy"),
    "respiratory-care": ("الرعاية التنفسية", "Respiratory care"),
    "anaesthesia": ("التخدير", "Anaesthesia technology"),
    "nutrition": ("التغذية", "Clinical nutrition"),
    "optometry": ("البصريات", "Optometry"),
    "psychology": ("علم النفس", "Psychology"),
    "social-work": ("الخدمة الاجتماعية", "Social work"),
    "emergency-medical-services": ("الخدمات الطبية الطارئة", "Emergency medical services"),
    "public-health": ("الصحة العامة", "Public health"),
    "health-informatics": ("المعلوماتية الصحية", "Health informatics"),
}
RANKS = {
    "technician": ("فني", "Technician"),
    "specialist": ("أخصائي", "Specialist"),
    "senior-specialist": ("أخصائي أول", "Senior specialist"),
    "general-practitioner": ("طبيب عام", "General practitioner"),
    "resident": ("طبيب مقيم", "Resident"),
    "registrar": ("نائب", "Registrar"),
    "senior-registrar": ("نائب أول", "Senior registrar"),
    "consultant": ("استشاري", "Consultant"),
}


def add_terms(apps, schema_editor):
    for model, terms in (("Specialty", SPECIALTIES), ("Rank", RANKS)):
        rows = apps.get_model("profiles", model).objects
        rows.bulk_create(rows.model(code=code, name_ar=ar, name_en=en) for code, (ar, en) in terms.items())


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial")]
    operations = [migrations.RunPython(add_terms, migrations.RunPython.noop)]
